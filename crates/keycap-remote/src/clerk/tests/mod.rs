mod building;
mod reading;
