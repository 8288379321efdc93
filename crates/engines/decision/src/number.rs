//! Exact decimals: what people write with a point is what is computed with, so 0.1 + 0.2 is 0.3.

use std::cmp::Ordering;

/// `mantissa / 10^scale`, without trailing zeros in the fraction. What does not fit is no number at all (`None`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// Digits that a quotient keeps, as in decimal128 (DMN 1.3, 10.3.2.3.1).
const DIGITS: u32 = 34;
/// More fraction than any quantity has; keeps powers of ten inside 128 bits.
const SCALE: u32 = 34;

fn power(n: u32) -> Option<i128> {
    10i128.checked_pow(n)
}

/// Half to even.
fn divide(a: i128, b: i128) -> i128 {
    let (q, r) = (a / b, a % b);
    let twice = r.unsigned_abs().saturating_mul(2);
    match twice.cmp(&b.unsigned_abs()) {
        Ordering::Less => q,
        Ordering::Equal if q % 2 == 0 => q,
        _ => q + if (a < 0) == (b < 0) { 1 } else { -1 },
    }
}

impl Decimal {
    pub const ZERO: Decimal = Decimal {
        mantissa: 0,
        scale: 0,
    };

    fn new(mut mantissa: i128, mut scale: u32) -> Option<Decimal> {
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        if scale > SCALE {
            mantissa = divide(mantissa, power(scale - SCALE)?);
            return Decimal::new(mantissa, SCALE);
        }
        Some(Decimal { mantissa, scale })
    }

    /// Digits with at most one point, a sign, an exponent.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (text, exponent) = match text.split_once(['e', 'E']) {
            Some((t, e)) => (t, e.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}");
        let plain = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
        if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mantissa: i128 = digits.parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        if scale < 0 {
            let factor = power(scale.unsigned_abs())?;
            return Decimal::new(mantissa.checked_mul(factor)?, 0);
        }
        Decimal::new(mantissa, scale as u32)
    }

    /// Both over the same power of ten.
    fn align(self, other: Decimal) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let up = |d: Decimal| d.mantissa.checked_mul(power(scale - d.scale)?);
        Some((up(self)?, up(other)?, scale))
    }
    pub fn add(self, other: Decimal) -> Option<Decimal> {
        let (a, b, scale) = self.align(other)?;
        Decimal::new(a.checked_add(b)?, scale)
    }
    pub fn neg(self) -> Decimal {
        Decimal {
            mantissa: -self.mantissa,
            scale: self.scale,
        }
    }
    pub fn sub(self, other: Decimal) -> Option<Decimal> {
        self.add(other.neg())
    }
    pub fn mul(self, other: Decimal) -> Option<Decimal> {
        Decimal::new(
            self.mantissa.checked_mul(other.mantissa)?,
            self.scale + other.scale,
        )
    }
    pub fn div(self, other: Decimal) -> Option<Decimal> {
        if other.mantissa == 0 {
            return None;
        }
        // Long division, digit by digit, so that no factor can overflow.
        let (mut quotient, mut rest) = (self.mantissa / other.mantissa, self.mantissa % other.mantissa);
        let mut scale = i64::from(self.scale) - i64::from(other.scale);
        let mut digits = 0;
        while (rest != 0 && digits < DIGITS && quotient.unsigned_abs() < 10u128.pow(DIGITS - 1)) || scale < 0
        {
            rest = rest.checked_mul(10)?;
            quotient = quotient.checked_mul(10)?.checked_add(rest / other.mantissa)?;
            rest %= other.mantissa;
            scale += 1;
            digits += 1;
        }
        if rest.unsigned_abs().saturating_mul(2) >= other.mantissa.unsigned_abs() {
            quotient += if (rest < 0) == (other.mantissa < 0) { 1 } else { -1 };
        }
        Decimal::new(quotient, u32::try_from(scale).ok()?)
    }
    /// The remainder with the sign of the divisor, as `modulo` wants it.
    pub fn modulo(self, other: Decimal) -> Option<Decimal> {
        let (a, b, scale) = self.align(other)?;
        let r = a.checked_rem(b)?;
        Decimal::new(if r != 0 && (r < 0) != (b < 0) { r + b } else { r }, scale)
    }
    pub fn pow(self, exponent: Decimal) -> Option<Decimal> {
        let n = exponent.integer()?;
        let mut out = Decimal::from(1);
        for _ in 0..n.unsigned_abs().min(1_000) {
            out = out.mul(self)?;
        }
        if n < 0 {
            return Decimal::from(1).div(out);
        }
        Some(out)
    }
    /// The value when it is whole.
    pub fn integer(self) -> Option<i64> {
        (self.scale == 0).then_some(self.mantissa)?.try_into().ok()
    }
    pub fn floor(self) -> Option<Decimal> {
        Decimal::new(self.mantissa.div_euclid(power(self.scale)?), 0)
    }
    pub fn ceiling(self) -> Option<Decimal> {
        Some(self.neg().floor()?.neg())
    }
    /// To so many digits after the point.
    pub fn round(self, digits: u32, mode: Round) -> Option<Decimal> {
        if self.scale <= digits {
            return Some(self);
        }
        let by = power(self.scale - digits)?;
        let (q, r) = (self.mantissa / by, self.mantissa % by);
        let half = r.unsigned_abs().saturating_mul(2).cmp(&by.unsigned_abs());
        let away = match mode {
            Round::Up => r != 0,
            Round::Down => false,
            Round::HalfUp => half != Ordering::Less,
            Round::HalfDown => half == Ordering::Greater,
            Round::HalfEven => half == Ordering::Greater || (half == Ordering::Equal && q % 2 != 0),
        };
        let q = match away {
            true if self.mantissa < 0 => q - 1,
            true => q + 1,
            false => q,
        };
        Decimal::new(q, digits)
    }
    pub fn abs(self) -> Decimal {
        if self.mantissa < 0 { self.neg() } else { self }
    }

    /// A JSON number: whole ones exactly, others as the nearest double, which prints up to 15 digits as they were.
    pub fn json(self) -> serde_json::Value {
        if let Some(n) = self.integer() {
            return n.into();
        }
        let double = self.to_string().parse::<f64>().ok();
        double
            .and_then(serde_json::Number::from_f64)
            .map_or(serde_json::Value::Null, serde_json::Value::Number)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Round {
    Up,
    Down,
    HalfUp,
    HalfDown,
    HalfEven,
}

impl From<i64> for Decimal {
    fn from(n: i64) -> Decimal {
        Decimal {
            mantissa: n.into(),
            scale: 0,
        }
    }
}
impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        match self.align(*other) {
            Some((a, b, _)) => a.cmp(&b),
            // Too far apart for one scale: the whole parts decide.
            None => {
                let whole = |d: &Decimal| power(d.scale).map_or(0, |p| d.mantissa.div_euclid(p));
                whole(self).cmp(&whole(other))
            }
        }
    }
}
impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = format!(
            "{:0>width$}",
            self.mantissa.unsigned_abs(),
            width = self.scale as usize + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - self.scale as usize);
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            _ => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn arithmetic_is_exact() {
        assert_eq!(d("0.1").add(d("0.2")), Some(d("0.3")));
        assert_eq!(d("19.99").mul(d("3")).unwrap().to_string(), "59.97");
        assert_eq!(d("1").div(d("8")).unwrap().to_string(), "0.125");
        assert_eq!(
            d("1")
                .div(d("3"))
                .unwrap()
                .mul(d("3"))
                .unwrap()
                .round(30, Round::HalfEven),
            Some(d("1"))
        );
        assert_eq!(d("1e3"), d("1000.00"));
        assert_eq!(d("-0.05").to_string(), "-0.05");
        assert_eq!(d("100").div(d("0.001")), Some(d("100000")));
        assert_eq!(
            d("2").div(d("3")).unwrap().to_string(),
            format!("0.{}7", "6".repeat(33))
        );
        assert_eq!(d("1").div(d("0")), None);
        assert_eq!(d("-7").modulo(d("3")), Some(d("2")));
        assert_eq!(d("1.1").pow(d("2")), Some(d("1.21")));
        assert_eq!(d("170000000000000000000000000000000000000").mul(d("10")), None);
        assert!(d("2.50") < d("2.6") && d("-1") < d("0") && d("1e30") > d("0.00000000000000000000001"));
    }

    #[test]
    fn rounding() {
        for (text, up, down, half_up, half_down, even) in [
            ("2.5", "3", "2", "3", "2", "2"),
            ("3.5", "4", "3", "4", "3", "4"),
            ("-2.5", "-3", "-2", "-3", "-2", "-2"),
            ("2.51", "3", "2", "3", "3", "3"),
            ("2.49", "3", "2", "2", "2", "2"),
        ] {
            let all = [
                Round::Up,
                Round::Down,
                Round::HalfUp,
                Round::HalfDown,
                Round::HalfEven,
            ];
            let got = all.map(|m| d(text).round(0, m).unwrap().to_string());
            assert_eq!(got, [up, down, half_up, half_down, even], "{text}");
        }
        assert_eq!(
            (d("-1.5").floor(), d("-1.5").ceiling()),
            (Some(d("-2")), Some(d("-1")))
        );
        for bad in ["", "-", "1.2.3", "1,5", "abc", "1e99", "１２"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }
}
