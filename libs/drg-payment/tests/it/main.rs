//! The crate against the published tables, and its rules against hand-computed cases and properties.

#[cfg(test)]
mod clearing;
#[cfg(test)]
mod packs;
#[cfg(test)]
mod prices;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod recompute;
#[cfg(test)]
mod settlement;
#[cfg(test)]
mod shipped;
