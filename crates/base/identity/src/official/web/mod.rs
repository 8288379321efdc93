//! Pages of officials.
//!
//! - [`list`]: the list, and as CSV
//! - [`show`]: one official
//! - [`forms`]: joining, changing, moving, coming back
//! - [`steps`]: what asks before it is done
//! - [`grants`]: proposals to approve
//! - [`activation`]: a new official's own page

pub(crate) mod activation;
mod forms;
mod grants;
mod list;
mod show;
mod steps;
pub(crate) mod view;

use crate::{APPROVE, MANAGE, OFFICIALS};
use axum::routing::{get, post};
use kernel::module::{MenuEntry, Place, Sample};
use kernel::rate::Rate;
use kernel::{Door, Route};

pub(crate) fn routes() -> Vec<Route> {
    let manage = |path, handler| Route::new(path, Door::Official(MANAGE), handler);
    let see = |path, handler| Route::new(path, Door::Official(OFFICIALS), handler);
    vec![
        Route::new(
            "/activation",
            Door::Public,
            get(activation::form).post(activation::set),
        )
        .rate(Rate::Guess),
        see("/work/officials", get(list::page)),
        see("/work/officials/export.csv", get(list::export)),
        see("/work/officials/proposals", get(grants::page)),
        Route::new(
            "/work/officials/proposals/{proposal}",
            Door::Official(APPROVE),
            post(grants::decide),
        ),
        manage("/work/officials/new", get(forms::join_form).post(forms::join)),
        see("/work/officials/{id}", get(show::page)),
        manage(
            "/work/officials/{id}/change",
            get(forms::change_form).post(forms::change),
        ),
        manage(
            "/work/officials/{id}/posts",
            get(forms::move_form).post(forms::propose),
        ),
        manage(
            "/work/officials/{id}/posts/{holding}/end",
            get(steps::end_form).post(steps::end),
        ),
        manage(
            "/work/officials/{id}/proposals/{proposal}/withdrawal",
            post(steps::withdraw),
        ),
        manage(
            "/work/officials/{id}/suspension",
            get(steps::suspend_form).post(steps::suspend),
        ),
        manage("/work/officials/{id}/resumption", post(steps::resume)),
        manage("/work/officials/{id}/staying", post(steps::stay)),
        manage(
            "/work/officials/{id}/leaving",
            get(steps::leave_form).post(steps::leave),
        ),
        manage(
            "/work/officials/{id}/return",
            get(forms::return_form).post(forms::rejoin),
        ),
        manage("/work/officials/{id}/invitation", post(forms::invite)),
    ]
}

pub(crate) fn menu() -> Vec<MenuEntry> {
    let entry = |href, title, icon, permission, order| MenuEntry {
        href,
        title,
        icon,
        place: Place::Workbench,
        permission: Some(permission),
        order,
    };
    vec![
        entry("/work/officials", "identity-officials", "users", OFFICIALS, 90),
        entry(
            "/work/officials/proposals",
            "identity-proposals",
            "badge-check",
            APPROVE,
            91,
        ),
    ]
}

pub(crate) fn samples() -> Vec<Sample> {
    let mut all = activation::samples();
    all.extend(list::samples());
    all.extend(show::samples());
    all.extend(forms::samples());
    all.extend(steps::samples());
    all.extend(grants::samples());
    all
}
