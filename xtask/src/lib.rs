mod effects;
mod kernel;
