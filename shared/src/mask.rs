//! Field masks (AIP-134, AIP-161): which fields an update touches.

use prost_types::FieldMask;

use crate::fields::Fields;

/// The fields of an update: at least one, all of them known.
#[derive(Debug)]
pub struct Mask(Vec<String>);

impl Mask {
    /// Reads `update_mask`. An empty one is refused, a deviation from AIP-134: an update that says nothing is a
    /// mistake far more often than a wish to overwrite everything (E6).
    pub fn parse(fields: &mut Fields, mask: Option<&FieldMask>, known: &[&str]) -> Self {
        let paths = mask.map(|mask| mask.paths.clone()).unwrap_or_default();
        if paths.is_empty() {
            fields.refuse("update_mask", format!("must name at least one of: {}", known.join(", ")));
        }
        if let Some(unknown) = paths.iter().find(|path| !known.contains(&path.as_str())) {
            let unknown: String = unknown.chars().take(64).collect();
            fields.refuse("update_mask", format!("`{unknown}` is not one of: {}", known.join(", ")));
        }
        Self(paths)
    }

    /// Whether the update touches `field`.
    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|path| path == field)
    }

    /// Whether the update touches nothing but these fields.
    pub fn only(&self, fields: &[&str]) -> bool {
        self.0.iter().all(|path| fields.contains(&path.as_str()))
    }
}
