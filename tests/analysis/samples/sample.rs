use std::collections::HashMap;

/// A point.
#[derive(Debug)]
pub struct Point { x: i32 }

pub enum Colour { Red }

pub trait Shape {
    fn area(&self) -> f64;
    fn name(&self) -> String { String::new() }
}

impl Shape for Point {
    /// How large.
    #[inline]
    fn area(&self) -> f64 { 1.0 }
}

mod inner {
    // Twice.
    pub async fn twice(x: i32) -> i32 { x * 2 }
}
