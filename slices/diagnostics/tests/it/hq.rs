//! Headquarters: the one list, writing, approving, issued reports, the public check.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use yiti_diagnostics::content::{self, Content};
use yiti_diagnostics::remote_read::Refused;
use yiti_diagnostics::settings::Definitions;
use yiti_diagnostics::store::{self, Filter};
use yiti_diagnostics::{Error, actions};
use yiti_directory::{Title, people};
use yiti_flow::{case, notice, task};
use yiti_kernel::{Lang, SignedDuration};
use yiti_record::order::Priority;
use yiti_store::journal;
use yiti_store::testing::on_both;

use super::clinic::{Clinic, MIGRATIONS, Site, normal};

const FINDINGS: &str = "双肺纹理清晰。";
const IMPRESSION: &str = "未见明显异常。";

fn filled(version: &str) -> Vec<(&str, &str)> {
    vec![("version", version), ("findings", FINDINGS), ("impression", IMPRESSION), ("is_positive", "0")]
}

#[tokio::test]
async fn the_list_shows_every_branch_by_urgency_and_a_reader_takes_from_it() {
    let site = Site::open().await;
    let clinic = &site.clinic;
    let routine = clinic.waiting("韩秀兰").await;
    let (stat, order) = clinic.requested("吕志明", "ct_head_plain", Priority::Stat).await;
    clinic.arrive(&order).await;
    let reader = site.browser(&clinic.reader).await;
    let list = reader.get("/readings").await;
    list.is(200).holds("韩秀兰").holds("女 67 岁").holds("胸部CT平扫").holds("Branch");
    let (first, then) = (list.body.find("吕志明").unwrap(), list.body.find("韩秀兰").unwrap());
    assert!(first < then, "the urgent one stands first although its pictures are not graded");
    reader.get("/readings?priority=stat").await.holds("吕志明").lacks("韩秀兰");
    reader.get("/readings?q=hxl").await.lacks("吕志明").holds("韩秀兰");
    reader.get("/readings?status=mine").await.holds("没有要看的检查");

    let taken = reader.post(&format!("/readings/{routine}/take"), &[]).await;
    assert_eq!(taken.to(), format!("/readings/{routine}"));
    reader.get("/readings?status=mine").await.holds("韩秀兰").holds("继续书写");
    reader.get(taken.to()).await.is(200).holds("data-autosave").holds("右肺结节较前有无增大").holds("提交审核");

    let other = site.browser(&clinic.second).await;
    other.get("/readings").await.holds("陈立群").holds("至 09:15");
    let page = other.get(&format!("/readings/{routine}")).await;
    page.is(200).holds("陈立群 正在书写，保留到 2026-03-10 09:15").lacks("data-autosave");
    let refused = other.post(&format!("/readings/{routine}/take"), &[]).await;
    refused.is(409).holds("这份检查正由别的医师书写，保留到 2026-03-10 09:15");

    clinic.house.clock.advance(SignedDuration::from_mins(15));
    other.get(&format!("/readings/{routine}")).await.holds("取片后这份检查归您书写");
    other.post(&format!("/readings/{routine}/take"), &[]).await.is(303);
    // The first reader finds that it is no longer theirs.
    reader.autosave(&format!("/readings/{routine}/draft"), &filled("0")).await.is(409);
    assert_eq!(clinic.status(stat).await, "uploaded");
}

#[tokio::test]
async fn a_missed_deadline_is_explained_by_whoever_answers_for_it_and_stays() {
    let site = Site::open().await;
    let clinic = &site.clinic;
    let (id, order) = clinic.requested("吕志明", "ct_head_plain", Priority::Stat).await;
    clinic.arrive(&order).await;
    let (path, act) = (format!("/readings/{id}"), format!("/readings/{id}/explain"));
    let (head, reader) = (site.browser(&clinic.second).await, site.browser(&clinic.reader).await);
    head.get(&path).await.is(200).lacks("超过时限");
    clinic.house.clock.advance(SignedDuration::from_mins(45));
    head.get(&path).await.is(200).holds("超过时限").holds("超时 15 分钟").holds("为什么超时");
    reader.get(&path).await.is(200).holds("超时 15 分钟").lacks("为什么超时");

    let why = [("rule", actions::RULE_REMOTE), ("text", "会诊占线，已加派一名医师")];
    reader.post(&act, &why).await.is(404);
    head.post(&act, &[("rule", actions::RULE_REMOTE), ("text", " ")]).await.holds("请写明超时的原因");
    assert_eq!(head.post(&act, &why).await.to(), path);
    for browser in [&head, &reader] {
        browser.get(&path).await.holds("超时 15 分钟").holds("会诊占线，已加派一名医师");
    }
}

#[tokio::test]
async fn the_next_one_is_the_most_urgent_that_waits() {
    let site = Site::open().await;
    let routine = site.clinic.waiting("韩秀兰").await;
    let reader = site.browser(&site.clinic.reader).await;
    let (urgent, order) = site.clinic.requested("梁素芬", "dx_hand", Priority::Urgent).await;
    site.clinic.arrive(&order).await;
    site.clinic.grade(urgent).await;
    assert_eq!(reader.post("/readings/next", &[]).await.to(), format!("/readings/{urgent}"));
    let mut form = filled("0");
    form.push(("next", "1"));
    let to = reader.post(&format!("/readings/{urgent}/submit"), &form).await;
    assert_eq!(to.to(), format!("/readings/{routine}"), "{}", to.body);
    assert_eq!(site.clinic.status(routine).await, "drafting");
    let to = reader.post(&format!("/readings/{routine}/submit"), &form).await;
    assert_eq!(to.to(), "/readings?done=none");
    reader.get(to.to()).await.holds("没有待书写的检查了");
}

#[tokio::test]
async fn the_list_is_journaled_when_it_shows_someone_new() {
    let site = Site::open().await;
    site.clinic.waiting("韩秀兰").await;
    let reader = site.browser(&site.clinic.reader).await;
    let entries = async || {
        let mut store = site.clinic.house.platform.store.read().await.unwrap();
        journal::verify(&mut store, "").await.unwrap().entry_count
    };
    let page = reader.get("/readings").await;
    let refresh = page.body.split_once("hx-get=\"/readings/rows").unwrap().1.split_once('"').unwrap().0;
    let refresh = format!("/readings/rows{}", refresh.replace("&amp;", "&").replace("&#38;", "&"));
    let before = entries().await;
    reader.get(&refresh).await.is(200).holds("韩秀兰").lacks("<html");
    assert_eq!(entries().await, before, "the same view");
    site.clinic.waiting("冯淑珍").await;
    let before = entries().await;
    reader.get(&refresh).await.is(200).holds("冯淑珍");
    assert_eq!(entries().await, before + 1);
}

#[tokio::test]
async fn a_draft_saved_elsewhere_is_not_overwritten() {
    let site = Site::open().await;
    let id = site.clinic.waiting("韩秀兰").await;
    site.clinic.take(&site.clinic.reader, id).await.unwrap();
    let reader = site.browser(&site.clinic.reader).await;
    let path = format!("/readings/{id}/draft");
    let saved = reader.autosave(&path, &filled("0")).await;
    saved.is(204);
    assert_eq!(saved.headers["x-version"], "1");
    let other = [("version", "0"), ("findings", "另一个窗口写的。")];
    reader.autosave(&path, &other).await.is(409).holds("这份草稿在别处保存过更新的内容");
    // Without scripts the page comes back with what was typed, and sending it again means it.
    reader.post(&path, &other).await.is(409).holds("另一个窗口写的。").holds(r#"name="version" value="1""#);
    reader.post(&format!("/readings/{id}/submit"), &filled("1")).await.is(303);
}

#[tokio::test]
async fn what_is_missing_is_named_at_each_section_and_what_was_written_is_kept() {
    let site = Site::open().await;
    let id = site.clinic.waiting("韩秀兰").await;
    site.clinic.take(&site.clinic.reader, id).await.unwrap();
    let reader = site.browser(&site.clinic.reader).await;
    let form = [("version", "0"), ("technique", "平扫。"), ("is_critical", "1")];
    let refused = reader.post(&format!("/readings/{id}/submit"), &form).await;
    refused.is(422).holds("“影像所见”还没有写").holds("“诊断意见”还没有写").holds("请写明危急内容").holds("平扫。");
    refused.holds(r##"href="#findings""##).holds(r#"id="findings-fault""#).holds(r#"name="version" value="1""#);
    assert_eq!(site.clinic.status(id).await, "drafting");
    reader.get(&format!("/readings/{id}")).await.holds("平扫。");
    reader.post(&format!("/readings/{id}/release"), &[("version", "1"), ("technique", "平扫。")]).await.is(303);
    assert_eq!(site.clinic.status(id).await, "waiting");
}

#[tokio::test]
async fn a_reader_asks_for_a_repeat_with_a_reason() {
    let site = Site::open().await;
    let id = site.clinic.waiting("韩秀兰").await;
    site.clinic.take(&site.clinic.reader, id).await.unwrap();
    let reader = site.browser(&site.clinic.reader).await;
    let path = format!("/readings/{id}/repeat");
    reader.post(&path, &[]).await.is(422).holds("请选择一项");
    let asked = reader.post(&path, &[("repeat_reason", "motion"), ("repeat_note", "呼吸伪影")]).await;
    assert_eq!(asked.to(), "/readings?done=repeat_asked");
    assert_eq!(site.clinic.status(id).await, "repeat_asked");
    reader.get(&format!("/readings/{id}")).await.holds("运动伪影 · 呼吸伪影").holds("现在没有可以诊断的影像");
}

#[tokio::test]
async fn the_author_cannot_approve_and_a_low_title_is_told_why() {
    let site = Site::open().await;
    let id = site.clinic.drafted("韩秀兰").await;
    let path = format!("/readings/{id}/approve");
    let author = site.browser(&site.clinic.reader).await;
    author.get(&path).await.is(200).holds("书写医师不能审核自己的报告").lacks("通过并发出");
    author.post(&path, &[]).await.is(422).holds("书写医师不能审核自己的报告");
    let resident = site.browser(&site.clinic.resident).await;
    resident.get(&path).await.is(200).holds("主治医师及以上").lacks("通过并发出");
    resident.post(&path, &[]).await.is(422).holds("您的职称不够审核报告");
    assert_eq!(site.clinic.status(id).await, "drafted");
}

#[tokio::test]
async fn a_second_doctor_amends_and_the_change_is_recorded() {
    let site = Site::open().await;
    let id = site.clinic.drafted("韩秀兰").await;
    let second = site.browser(&site.clinic.second).await;
    let path = format!("/readings/{id}/approve");
    second.get(&path).await.is(200).holds("通过并发出").holds("陈立群 主治医师");
    let edit = second.get(&format!("{path}?edit=1")).await;
    edit.is(200).holds("胸部CT平扫未见明显异常。</textarea>").holds(r#"name="edit" value="1""#);
    let empty = second.post(&path, &[("edit", "1"), ("findings", "x"), ("is_positive", "0")]).await;
    empty.is(422).holds("“诊断意见”还没有写");
    let form = [("edit", "1"), ("findings", FINDINGS), ("impression", "右肺上叶结节。"), ("is_positive", "1")];
    let issued = second.post(&path, &form).await;
    issued.is(303);
    second.get(issued.to()).await.is(200).holds("报告已发出").holds("右肺上叶结节。").holds("阳性");
    let mut reader = site.clinic.house.platform.store.read().await.unwrap();
    let history = case::history(&mut reader, id).await.unwrap();
    let approved = history.iter().find(|step| step.name == "approve").unwrap();
    let changed: Vec<&str> =
        approved.detail["amended"].as_array().unwrap().iter().map(|section| section.as_str().unwrap()).collect();
    assert_eq!(changed, ["findings", "impression", "technique", "is_positive"]);
    drop(reader);
    second.get(&path).await.holds("现在没有待审核的报告").holds("审核时有修改");
    second.post(&path, &[]).await.is(409);
}

#[tokio::test]
async fn a_report_sent_back_returns_with_its_reason_and_the_next_one_shows_what_changed() {
    let site = Site::open().await;
    let id = site.clinic.drafted("韩秀兰").await;
    let second = site.browser(&site.clinic.second).await;
    let path = format!("/readings/{id}/return");
    second.post(&path, &[("note", "所见写少了")]).await.is(422).holds("请选择一个理由");
    second.post(&path, &[("reason", "omission"), ("note", "右肺尖漏写")]).await.is(303);
    let author = site.browser(&site.clinic.reader).await;
    author.get("/readings?status=returned").await.holds("韩秀兰");
    author.get(&format!("/readings/{id}")).await.holds("孙国良").holds("漏诊或描述不全").holds("右肺尖漏写");
    let mut again = normal();
    again.sections.insert("findings".into(), "胸廓对称，双肺纹理清晰。右肺尖见小结节。".into());
    site.clinic.submit(id, again).await;
    let page = second.get(&format!("/readings/{id}/approve")).await;
    page.holds("与退回前的一稿对照").holds("<ins>右肺尖见小结节。</ins>").holds("<del>纵隔未见肿大淋巴结。</del>");
    second.get(&format!("/readings/{id}/approve?full=1")).await.lacks("<ins>右");
}

#[tokio::test]
async fn an_addendum_makes_a_version_and_tells_who_read_the_one_before() {
    let site = Site::open().await;
    let (id, issued) = site.clinic.issued("韩秀兰").await;
    let path = format!("/reports/{}", issued.report);
    let doctor = site.browser(&site.clinic.doctor).await;
    let page = doctor.get(&path).await;
    page.is(200).holds("未见明显异常").holds("陈立群 主治医师").holds("孙国良 副主任医师").lacks("/addendum");
    doctor.get(&format!("{path}?version=2")).await.is(404);
    doctor.get(&format!("{path}/print")).await.is(200).holds("第 1 次打印");
    doctor.get(&format!("{path}/print")).await.is(200).holds("第 2 次打印").holds("CT 检查报告单").holds("<path d=\"M");

    let second = site.browser(&site.clinic.second).await;
    let begun = second.post(&format!("{path}/addendum"), &[]).await;
    assert_eq!(begun.to(), format!("/readings/{id}"));
    second.get(begun.to()).await.holds("这是已发出报告的补充").holds("未见明显异常").lacks("放回工作台");
    doctor.get(&path).await.holds("这份报告正在补充");
    let mut form = filled("1");
    form.push(("advice", "3 个月后复查。"));
    second.post(&format!("/readings/{id}/submit"), &form).await.is(303);
    let reader = site.browser(&site.clinic.reader).await;
    reader.get(&format!("/readings/{id}/approve")).await.holds("与第 1 版对照").holds("<ins>3 个月后复查。</ins>");
    reader.post(&format!("/readings/{id}/approve"), &[]).await.is(303);

    doctor.get(&path).await.holds("3 个月后复查").holds("已补充");
    doctor.get(&format!("{path}?version=1")).await.holds("这是第 1 版，已有更新的第 2 版").lacks("3 个月后复查");
    doctor.get(&format!("{path}?compare=1")).await.holds("<ins>3 个月后复查。</ins>");
    let platform = &site.clinic.house.platform;
    let mut store = platform.store.read().await.unwrap();
    let since = platform.now() - SignedDuration::from_hours(1);
    let told = notice::list(&mut store, &site.clinic.doctor, since, 10).await.unwrap();
    assert!(told.iter().any(|notice| notice.topic == "report_changed"), "{told:?}");
}

#[tokio::test]
async fn anyone_can_check_a_print_and_learns_nothing_else() {
    let site = Site::open().await;
    let (id, issued) = site.clinic.issued("王小东").await;
    let anyone = site.anyone();
    anyone.get("/verify").await.is(200).holds("报告查验");
    let code = &issued.verification_code;
    let dashed = format!("{}-{}-{}", &code[..4], &code[4..8], &code[8..]).to_lowercase();
    let asked = anyone.get(&format!("/verify?code={dashed}")).await;
    assert_eq!(asked.to(), format!("/verify/{code}"));
    let genuine = anyone.get(asked.to()).await;
    genuine.is(200).holds("真实有效").holds("王*东").holds("Lead").holds("第 1 版");
    genuine.lacks("王小东").lacks("1958-").lacks("67 岁").lacks("未见明显异常");
    anyone.get("/verify/AAAABBBBCCCC").await.is(200).holds("查不到这个验证码").lacks("王");
    site.clinic
        .act(&site.clinic.reader, move |cx| Box::pin(async move { actions::begin_addendum(cx, id).await }))
        .await
        .unwrap();
    site.clinic.submit(id, Content { is_positive: true, ..normal() }).await;
    site.clinic.approve(id, None).await;
    anyone.get(&format!("/verify/{code}")).await.holds("已有更新的版本").holds("请以第 2 版");
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_not_allowed_look_the_same() {
    let site = Site::open().await;
    let (id, issued) = site.clinic.issued("韩秀兰").await;
    let reader = site.browser(&site.clinic.reader).await;
    let nothing = yiti_kernel::fresh().simple().to_string();
    for path in ["readings", "reports"] {
        reader.get(&format!("/{path}/{nothing}")).await.is(404);
        reader.get(&format!("/{path}/nonsense")).await.is(404);
    }
    let doctor = site.browser(&site.clinic.doctor).await;
    let denied = doctor.get("/readings").await;
    let missing = doctor.get("/no-such-page").await;
    assert_eq!((denied.status, &denied.body), (missing.status, &missing.body));
    doctor.get(&format!("/readings/{id}")).await.is(404);
    doctor.get(&format!("/readings/{id}/approve")).await.is(404);
    doctor.post(&format!("/reports/{}/addendum", issued.report), &[]).await.is(404);
    let stranger = site.clinic.house.hire("何静宜", "branch_doctor", site.clinic.house.other, Title::Attending).await;
    let stranger = site.browser(&stranger).await;
    stranger.get(&format!("/reports/{}", issued.report)).await.is(404);
    stranger.get(&format!("/reports/{}/print", issued.report)).await.is(404);
}

#[tokio::test]
async fn a_form_sent_twice_acts_once() {
    let site = Site::open().await;
    let id = site.clinic.waiting("韩秀兰").await;
    site.clinic.take(&site.clinic.reader, id).await.unwrap();
    let reader = site.browser(&site.clinic.reader).await;
    let key = yiti_kernel::fresh().simple().to_string();
    let mut form = filled("0");
    form.push(("act_key", &key));
    let path = format!("/readings/{id}/submit");
    let first = reader.post(&path, &form).await;
    let again = reader.post(&path, &form).await;
    assert_eq!((first.status, first.to()), (again.status, again.to()));
}

#[test]
fn every_refusal_has_words_in_both_languages() {
    let refused = [
        Refused::NotNow { status: "", event: "" }.key(),
        Refused::NotHolder.key(),
        Refused::SamePerson.key(),
        Refused::OwnRequest.key(),
        Refused::TitleTooLow.key(),
        Refused::NotGraded.key(),
        Refused::NoReason.key(),
        "diagnostics.refused.held",
    ];
    let errors = [
        "forbidden",
        "incomplete",
        "score_sheet",
        "unfit",
        "unknown_exam",
        "question",
        "unknown_reason",
        "has_pictures",
        "draft_moved",
        "patient",
        "clock",
        "report",
        "store",
    ];
    let incomplete = [
        content::Incomplete::Empty(String::new()).key(),
        content::Incomplete::TooLong { section: String::new() }.key(),
        content::Incomplete::CriticalWithoutNote.key(),
        content::Incomplete::CriticalButNegative.key(),
        content::Incomplete::UnknownSection(String::new()).key(),
    ];
    let errors = errors.map(|key| format!("diagnostics.error.{key}"));
    for key in refused.into_iter().chain(incomplete).chain(errors.iter().map(String::as_str)) {
        assert!(Lang::ALL.iter().all(|lang| yiti_web::has_key(*lang, key)), "{key}");
    }
}

/// Each rule of the clock that runs for the case, with whether it has ended in time.
async fn clocks(clinic: &Clinic, id: yiti_flow::CaseId) -> Vec<(String, yiti_clock::State)> {
    let mut reader = clinic.house.platform.store.read().await.unwrap();
    let all = yiti_clock::store::all_for_subject(&mut reader, id.0).await.unwrap();
    all.into_iter().map(|stored| (stored.rule, stored.course.state)).collect()
}

#[tokio::test]
async fn one_examination_from_request_to_addendum() {
    on_both(MIGRATIONS, |store| async move {
        let clinic = Clinic::open(store).await;
        let clock = &clinic.house.clock;
        let (id, order) = clinic.requested("韩秀兰", "ct_chest_plain", Priority::Urgent).await;
        clinic.arrive(&order).await;
        assert_eq!(clinic.status(id).await, "uploaded");
        assert!(matches!(clinic.take(&clinic.reader, id).await, Err(Error::Refused(Refused::NotGraded))));
        clock.advance(SignedDuration::from_mins(5));

        // The pictures are not fit: the clocks stand still until new ones come.
        clinic
            .act(&clinic.technician, move |cx| {
                Box::pin(async move { actions::ask_repeat(cx, id, "motion", "呼吸").await })
            })
            .await
            .unwrap();
        let paused = clocks(&clinic, id).await;
        let is_paused = |rule: &str| {
            paused.iter().any(|(name, state)| name == rule && matches!(state, yiti_clock::State::Paused { .. }))
        };
        assert!(is_paused(actions::RULE_REMOTE) && is_paused(actions::RULE_WHOLE), "{paused:?}");
        let due = |clinic: &Clinic| {
            let platform = clinic.house.platform.clone();
            async move {
                let mut reader = platform.store.read().await.unwrap();
                store::get(&mut reader, platform.tree().whole(), id).await.unwrap().due.unwrap().at
            }
        };
        let before = due(&clinic).await;
        clock.advance(SignedDuration::from_mins(40));
        clinic.arrive(&order).await;
        assert_eq!(due(&clinic).await, before + SignedDuration::from_mins(40));

        clinic.grade(id).await;
        assert_eq!(clinic.status(id).await, "waiting");
        clinic.take(&clinic.reader, id).await.unwrap();
        let saved = clinic
            .act(&clinic.reader, move |cx| Box::pin(async move { actions::save_draft(cx, id, 0, &normal()).await }))
            .await;
        assert_eq!(saved.unwrap(), 1);
        clock.advance(SignedDuration::from_mins(10));
        clinic.submit(id, normal()).await;
        let waiting = |actor| {
            let platform = clinic.house.platform.clone();
            async move { task::waiting(&mut platform.store.read().await.unwrap(), actor, 10).await.unwrap() }
        };
        let tasks = waiting(&*clinic.second).await;
        assert_eq!(tasks.iter().map(|task| task.kind.as_str()).collect::<Vec<_>>(), ["approve"]);
        let own =
            clinic.act(&clinic.reader, move |cx| Box::pin(async move { actions::approve(cx, id, None).await })).await;
        assert!(matches!(own, Err(Error::Refused(Refused::SamePerson))));
        let low =
            clinic.act(&clinic.resident, move |cx| Box::pin(async move { actions::approve(cx, id, None).await })).await;
        assert!(matches!(low, Err(Error::Refused(Refused::TitleTooLow))));
        let low = clinic
            .act(&clinic.resident, move |cx| Box::pin(async move { actions::send_back(cx, id, "wording", "").await }))
            .await;
        assert!(matches!(low, Err(Error::Refused(Refused::TitleTooLow))));
        let issued = clinic.approve(id, None).await;
        assert_eq!(issued.version, 1);
        let ended = clocks(&clinic, id).await;
        assert!(
            ended.iter().all(|(_, state)| matches!(state, yiti_clock::State::Satisfied { .. })),
            "every obligation is met: {ended:?}"
        );
        assert!(waiting(&*clinic.second).await.is_empty());

        let report = issued.report;
        clinic
            .act(&clinic.doctor, move |cx| {
                Box::pin(async move { actions::open_report(cx, report, None, true, "treatment").await })
            })
            .await
            .unwrap();
        clinic
            .act(&clinic.reader, move |cx| Box::pin(async move { actions::begin_addendum(cx, id).await }))
            .await
            .unwrap();
        clinic.submit(id, Content { is_positive: true, ..normal() }).await;
        let sent = clinic
            .act(&clinic.second, move |cx| Box::pin(async move { actions::send_back(cx, id, "wording", "").await }))
            .await;
        sent.unwrap();
        clinic.submit(id, normal()).await;
        let issued = clinic.approve(id, Some(Content { is_positive: true, ..normal() })).await;
        assert_eq!((issued.version, clinic.status(id).await.as_str()), (2, "issued"));

        let platform = &clinic.house.platform;
        let mut reader = platform.store.read().await.unwrap();
        let since = platform.now() - SignedDuration::from_hours(2);
        let told = notice::list(&mut reader, &clinic.doctor, since, 20).await.unwrap();
        assert!(told.iter().any(|notice| notice.topic == "report_changed"));
        let (scope, person) = (platform.tree().whole(), clinic.reader.person.unwrap());
        for text in ["", "韩", "hxl", "王'"] {
            let filter = Filter { text: text.into(), ..Filter::default() };
            let lines = store::worklist_lines(&mut reader, scope, &filter, Some(person), 50, 0).await.unwrap();
            assert!(lines.is_empty(), "nothing is open");
            store::worklist_counts(&mut reader, scope, &filter, person, platform.now()).await.unwrap();
        }
        assert_eq!(store::next_waiting(&mut reader, scope, person).await.unwrap(), None);
        assert!(store::of_report(&mut reader, report).await.unwrap().is_some());
        assert_eq!(people::person(&mut reader, person).await.unwrap().title, Title::Attending);
        let verdict = journal::verify(&mut reader, "").await.unwrap();
        assert!(verdict.broken.is_none() && verdict.entry_count > 20, "{verdict:?}");
        assert!(platform.kit.get::<Definitions>().exam("ct_chest_plain").is_some());
    })
    .await;
}
