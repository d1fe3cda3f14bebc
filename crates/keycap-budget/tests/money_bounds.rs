//! Amounts, meters and costs keep their bounds from the moment they are built.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "how tests fail")]

use std::collections::HashSet;

use keycap_budget::{Amount, Cost, MAX_METER_NAME, MAX_METERS, Meter, usd};

fn amount(units: i64) -> Amount {
    Amount::new(units).unwrap()
}

fn custom(number: usize) -> Meter {
    Meter::new(&format!("meter-{number}")).unwrap()
}

fn of_meters(count: usize) -> Cost {
    (0..count).fold(Cost::none(), |cost, number| cost.with(custom(number), amount(1)).unwrap())
}

#[test]
fn an_amount_is_never_negative() {
    assert_eq!(amount(0), Amount::ZERO);
    assert_eq!(amount(i64::MAX).units(), i64::MAX);
    for units in [-1, i64::MIN] {
        let error = Amount::new(units).unwrap_err().to_string();
        assert!(error.contains(&units.to_string()), "{error}");
    }
}

#[test]
fn amounts_neither_overflow_nor_fall_below_zero() {
    let most = amount(i64::MAX);
    assert_eq!(most.checked_add(amount(1)), None);
    assert_eq!(amount(i64::MAX - 1).checked_add(amount(1)), Some(most));
    assert_eq!(amount(1).checked_sub(amount(2)), None);
    assert_eq!(amount(2).checked_sub(amount(2)), Some(Amount::ZERO));
    assert_eq!(amount(1).saturating_sub(most), Amount::ZERO);
    assert_eq!(amount(3).saturating_sub(amount(1)), amount(2));
    assert_eq!(amount(3).min(amount(1)), amount(1));
    assert_eq!(amount(3).max(amount(1)), amount(3));
}

#[test]
fn one_operation_takes_ten_to_the_fifteenth_and_not_one_unit_more() {
    assert_eq!(Amount::MAX_OPERATION.units(), 10_i64.pow(15));
    for meter in [Meter::USD, Meter::TOKENS] {
        assert!(Cost::of(meter.clone(), Amount::MAX_OPERATION).is_ok());
        let error = Cost::of(meter, amount(10_i64.pow(15) + 1)).unwrap_err().to_string();
        assert!(error.contains("too large; the most is"), "{error}");
    }
}

#[test]
fn a_sum_keeps_the_bound_of_one_operation() {
    let most = Cost::of(Meter::USD, Amount::MAX_OPERATION).unwrap();
    let rest = Cost::of(Meter::USD, amount(10_i64.pow(15) - 1)).unwrap();
    let nano = Cost::from(usd!(0.000000001));
    assert_eq!(rest.plus(&nano).unwrap(), most);
    assert!(most.plus(&nano).is_err());
    assert!(most.plus(&most).is_err());
}

#[test]
fn a_cost_has_eight_meters_and_not_one_more() {
    let full = of_meters(MAX_METERS);
    assert_eq!(full.iter().len(), 8);
    let error = full.clone().with(Meter::USD, amount(1)).unwrap_err().to_string();
    assert!(error.contains("at most 8 meters"), "{error}");
    assert!(full.plus(&Cost::requests(1)).is_err());
    assert!(full.clone().with(custom(3), amount(2)).is_ok(), "a named meter may change");
    assert!(full.clone().with(Meter::USD, Amount::ZERO).is_ok(), "nothing takes no place");
    assert_eq!(full.to_string().parse::<Cost>().unwrap(), full);
    assert!(format!("{full} + $1").parse::<Cost>().is_err());
    assert!(format!("{full} + $0").parse::<Cost>().is_err(), "a text names no ninth");
}

#[test]
fn a_cost_holds_each_meter_once_sorted_and_nothing_of_the_others() {
    let cost = Cost::tokens(5).plus(&usd!(1).into()).unwrap().plus(&Cost::tokens(2)).unwrap();
    let parts: Vec<_> = cost.iter().map(|(meter, amount)| (meter.name(), amount.units())).collect();
    assert_eq!(parts, [("tokens", 7), ("usd", 1_000_000_000)]);
    assert_eq!(cost.amount(&Meter::REQUESTS), Amount::ZERO);
    assert_eq!(cost.clone().without(&Meter::USD), Cost::tokens(7));
    assert_eq!(cost.with(Meter::TOKENS, Amount::ZERO).unwrap(), usd!(1).into());
    assert!(Cost::requests(0).is_nothing());
    assert_eq!(Cost::requests(0), Cost::none());
}

#[test]
fn a_difference_saturates_on_each_meter_or_fails_as_a_whole() {
    let cost = Cost::tokens(5).plus(&Cost::requests(1)).unwrap();
    let more = Cost::tokens(6).plus(&usd!(1).into()).unwrap();
    assert_eq!(cost.minus_saturating(&more), Cost::requests(1));
    assert_eq!(cost.checked_minus(&more), None);
    assert_eq!(cost.checked_minus(&Cost::tokens(5)), Some(Cost::requests(1)));
    assert_eq!(cost.checked_minus(&cost), Some(Cost::none()));
}

#[test]
fn names_of_meters_are_short_and_plain() {
    let longest = "a".repeat(MAX_METER_NAME);
    for name in ["a", "pages", "gpu-seconds", "model.v2_in", "a9", longest.as_str()] {
        assert_eq!(Meter::new(name).unwrap().name(), name);
    }
    let too_long = "a".repeat(MAX_METER_NAME + 1);
    for name in ["", "9a", "-a", ".a", "Usd", "to kens", "größe", "a\n", "a/b", too_long.as_str()]
    {
        let error = Meter::new(name).unwrap_err().to_string();
        assert!(error.contains("write a lower-case letter"), "{error}");
    }
}

#[test]
fn meters_are_their_names() {
    let built_in = [Meter::CREDITS, Meter::REQUESTS, Meter::TOKENS, Meter::USD];
    for meter in &built_in {
        assert_eq!(Meter::new(meter.name()).as_ref(), Ok(meter));
        assert_eq!(serde_json::to_string(meter).unwrap(), format!("\"{meter}\""));
    }
    assert_eq!(serde_json::from_str::<Meter>("\"usd\"").unwrap(), Meter::USD);
    assert!(serde_json::from_str::<Meter>("\"US dollar\"").is_err());

    let mut sorted = built_in.to_vec();
    sorted.extend(["sheep", "a"].map(|name| Meter::new(name).unwrap()));
    sorted.sort();
    let names: Vec<_> = sorted.iter().map(Meter::name).collect();
    assert_eq!(names, ["a", "credits", "requests", "sheep", "tokens", "usd"]);

    let same = HashSet::from([Meter::new("sheep").unwrap(), Meter::new("sheep").unwrap()]);
    assert_eq!(same.len(), 1);
}

#[test]
fn only_dollars_have_decimals() {
    assert_eq!(Meter::USD.decimals(), 9);
    for meter in [Meter::TOKENS, Meter::REQUESTS, Meter::CREDITS, custom(1)] {
        assert_eq!(meter.decimals(), 0);
    }
}
