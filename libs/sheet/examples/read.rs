//! Reads every cell of a table and does nothing with it: what reading alone takes.

use sheet::Sheet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let mut sheet = Sheet::open(path.as_ref() as &std::path::Path)?;
    let mut batches = sheet.batches()?;
    let (mut rows, mut cells, mut bytes) = (0_u64, 0_u64, 0_u64);
    while let Some(batch) = batches.next()? {
        let mut own = batch.rows();
        while let Some(row) = own.next() {
            for cell in row?.cells() {
                cells += 1;
                bytes += cell.len() as u64;
            }
            rows += 1;
        }
    }
    println!("{rows} rows, {cells} cells, {bytes} bytes of text");
    Ok(())
}
