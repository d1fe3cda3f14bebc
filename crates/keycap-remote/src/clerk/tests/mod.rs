mod building;
mod odd;
mod reading;
