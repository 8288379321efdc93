//! Geometry of seals.

use super::*;

fn design(shape: Shape, name: &str) -> Design {
    Design {
        shape,
        name: name.into(),
        line: "合同专用章".into(),
        mark: "演示".into(),
        code: "3208990000001".into(),
    }
}

/// The points that the pen passes; control points of a circle lie outside of it.
fn points(d: &Drawing) -> Vec<(f64, f64)> {
    let passed = d.steps.iter().filter_map(|s| match *s {
        Step::Move(p) | Step::Line(p) | Step::Curve(_, _, p) => Some(p),
        Step::Close => None,
    });
    passed.collect()
}

#[test]
fn names_of_four_to_twenty_characters_stay_between_star_and_ring() {
    for count in 1..=30 {
        let all = round::arc(count);
        for ((x, y), degrees, width, height) in &all {
            // The four corners of the box, turned.
            let (sin, cos) = degrees.to_radians().sin_cos();
            for (sx, sy) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
                let (dx, dy) = (sx * width / 2.0, sy * height / 2.0);
                let at = (x + dx * cos - dy * sin, y + dx * sin + dy * cos);
                let radius = at.0.hypot(at.1);
                assert!(radius < 46.7, "{count}: {radius} touches the ring");
                assert!(radius > 20.0, "{count}: {radius} touches the star");
            }
        }
        for pair in all.windows(2) {
            let step = (pair[0].1 - pair[1].1).abs();
            assert!((1.0..=29.001).contains(&step), "{count}: {step}");
            // Feet of neighbours do not overlap: the chord at the feet is wider than a character is at its middle, nearly.
            let middle = (pair[0].0.0 - pair[1].0.0).hypot(pair[0].0.1 - pair[1].0.1);
            assert!(middle > pair[0].2, "{count}: {middle} for {}", pair[0].2);
        }
        // The middle of the name stands over the star, left as far as right.
        let (first, last) = (all[0].1, all[count - 1].1);
        assert!((first + last).abs() < 1e-9, "{first} {last}");
    }
}

#[test]
fn names_on_an_oval_are_evenly_spaced_inside_it() {
    for count in 1..=24 {
        let all = oval::arc(count);
        for ((x, y), degrees, width, height) in &all {
            let (sin, cos) = degrees.to_radians().sin_cos();
            for (sx, sy) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
                let (dx, dy) = (sx * width / 2.0, sy * height / 2.0);
                let at = (x + dx * cos - dy * sin, y + dx * sin + dy * cos);
                let inside = (at.0 / 47.6).powi(2) + (at.1 / 30.9).powi(2);
                assert!(inside < 1.0, "{count}: {at:?} is outside");
            }
        }
        let gaps: Vec<f64> = all
            .windows(2)
            .map(|p| (p[0].0.0 - p[1].0.0).hypot(p[0].0.1 - p[1].0.1))
            .collect();
        for gap in &gaps {
            assert!((gap - gaps[0]).abs() < 0.12 * gaps[0], "{count}: {gaps:?}");
        }
        let sum: f64 = all.iter().map(|a| a.0.0).sum();
        assert!(sum.abs() < 1.5, "{count}: not in the middle: {sum}");
    }
}

#[test]
fn the_star_has_five_points_and_is_regular() {
    let star = round::star();
    let centre = (0.0, 1.5);
    let radius = |p: (f64, f64)| (p.0 - centre.0).hypot(p.1 - centre.1);
    for (n, corner) in star.iter().enumerate() {
        let wanted = if n % 2 == 0 { 16.8 } else { 16.8 * 0.381_966 };
        assert!((radius(*corner) - wanted).abs() < 1e-9);
    }
    assert!(
        star[0].0.abs() < 1e-9 && star[0].1 > 18.0,
        "a point stands upright"
    );
    // Edges of a pentagram are straight: a point, two inner corners and the next point but one lie on a line.
    for n in (0..10).step_by(2) {
        let (a, b, c) = (star[n], star[(n + 1) % 10], star[(n + 4) % 10]);
        let cross = (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0);
        assert!(cross.abs() < 1e-3, "{cross}");
    }
}

#[test]
fn everything_lies_in_the_box_and_inside_the_rim() {
    for (shape, name) in [
        (Shape::Round, "公安局"),
        (Shape::Round, "演示市演示区住房和城乡建设局（试点）"),
        (Shape::Oval, "演示市水利局"),
        (Shape::Oval, "演示市演示区住房和城乡建设局"),
        (Shape::Square, "演示甲"),
        (Shape::Square, "演示"),
    ] {
        let d = draw(&design(shape, name), 119.0).unwrap();
        let (a, b) = (d.width / 2.0, d.height / 2.0);
        for (x, y) in points(&d) {
            assert!(
                (0.0..=d.width).contains(&x) && (0.0..=d.height).contains(&y),
                "{name}"
            );
            if shape != Shape::Square {
                let inside = ((x - a) / (a * 1.035)).powi(2) + ((y - b) / (b * 1.035)).powi(2);
                assert!(inside <= 1.0 + 1e-6, "{name}: {x} {y}");
            }
        }
        assert_eq!(d, draw(&design(shape, name), 119.0).unwrap());
        assert!(d.svg().contains("演示") && d.pdf().starts_with(b"q "));
        assert_eq!(&d.png(64).unwrap()[1..4], b"PNG");
    }
}

#[test]
fn a_name_of_two_or_three_is_filled_up() {
    assert_eq!(square::filled("演示"), ("演示之印".to_string(), 2));
    assert_eq!(square::filled("演示甲"), ("演示甲印".to_string(), 2));
    assert_eq!(square::filled("演示演示"), ("演示演示".to_string(), 2));
    assert_eq!(square::filled("演示演示演").1, 3);
    let mut long = design(Shape::Square, "演示演示演示演示演");
    assert!(matches!(draw(&long, 60.0), Err(DrawError::Words(_))));
    long.name = " ".into();
    assert!(matches!(draw(&long, 60.0), Err(DrawError::Words(_))));
}
