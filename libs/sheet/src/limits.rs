//! How much of a file is believed before it is refused.

/// Bounds. The defaults hold the largest tables hospitals exchange and keep memory small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest row, in bytes.
    pub row_bytes_max: usize,
    /// Longest cell, in bytes. A spreadsheet's own limit is 32,767 characters.
    pub cell_bytes_max: usize,
    /// Most columns. A spreadsheet's own limit is 16,384.
    pub columns_max: usize,
    /// Largest part of a workbook other than a worksheet, in bytes when unpacked; it is held in memory.
    pub part_bytes_max: u64,
    /// Largest worksheet of a workbook, in bytes when unpacked; it is streamed.
    pub worksheet_bytes_max: u64,
    /// Largest column of a Parquet row group, in bytes when unpacked.
    pub chunk_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            row_bytes_max: 1 << 20,
            cell_bytes_max: 128 << 10,
            columns_max: 16_384,
            part_bytes_max: 128 << 20,
            worksheet_bytes_max: 4 << 30,
            chunk_bytes_max: 1 << 30,
        }
    }
}
