//! Any texts given to the pack loader are read or refused, and a pack that was read prices or refuses every case. The
//! first byte chooses the file; it is put together from any bytes, or is the shipped one with a piece replaced, so that
//! what lies behind the checks of its shape is reached.
#![no_main]

use drg_payment::{Case, Fen, File, Flags, Insurance, Pack};
use libfuzzer_sys::fuzz_target;

const SHIPPED: [&str; 3] = [
    include_str!("../../../../definitions/payment/changzhou_2022.toml"),
    include_str!("../../../../definitions/payment/changzhou_2022.csv"),
    include_str!("../../../../definitions/payment/defaults.toml"),
];
/// Groups that a pack is asked for.
const GROUPS_MAX: usize = 5;

/// The shipped text with `new` in place of some of its characters: four bytes say where and how many.
fn spliced(shipped: &str, bytes: &[u8]) -> String {
    let [a, b, c, count, new @ ..] = bytes else { return shipped.to_owned() };
    let at = u32::from_le_bytes([*a, *b, *c, 0]) as usize % shipped.len();
    let at = (0..=at).rev().find(|at| shipped.is_char_boundary(*at)).unwrap_or_default();
    let (before, after) = shipped.split_at(at);
    let rest = after.char_indices().nth(usize::from(*count)).map_or("", |(end, _)| &after[end..]);
    format!("{before}{}{rest}", String::from_utf8_lossy(new))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let mut texts = SHIPPED.map(str::to_owned);
    let text = &mut texts[usize::from(kind % 3)];
    *text = if kind / 3 % 2 == 0 { spliced(text, rest) } else { String::from_utf8_lossy(rest).into_owned() };
    let [head, groups, defaults] = &texts;
    let file = |name, text| File { name, text };
    let Ok(pack) = Pack::read(file("head", head), file("groups", groups), file("defaults", defaults)) else { return };
    for group in pack.groups().take(GROUPS_MAX) {
        for level in pack.levels() {
            for (cost, days) in [(0, 1), (910_050, 8), (99_999_999_999, 400)] {
                let case = Case {
                    drg: &group.drg,
                    level: &level.id,
                    insurance: Insurance::Employee,
                    discharged_on: pack.valid_from(),
                    stay_days: days,
                    cost: Fen(cost),
                    patient: Fen(cost / 3),
                    flags: Flags::default(),
                };
                let (told, worth) = (pack.price(&case), pack.worth(&case));
                assert_eq!(told.map(|priced| (priced.pay, priced.fund)), worth.map(|priced| (priced.pay, priced.fund)));
            }
        }
    }
});
