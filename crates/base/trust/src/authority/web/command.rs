//! `yiwang ca`.

use crate::authority::model::{REASONS, Step};
use crate::authority::service::answers;
use crate::authority::service::register as verbs;
use crate::authority::store::{self, Find};
use kernel::Ctx;

/// `yiwang ca …`; for the operator.
pub(crate) fn command(ctx: Ctx, words: Vec<String>) -> kernel::module::JobFuture {
    kernel::module::boxed(async move {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["show"] | ["init"] => {
                for kind in ["p256", "sm2"] {
                    for which in ["root", "issuing"] {
                        let c = answers::certificate(&ctx, which, answers::algorithm(kind)?).await?;
                        println!(
                            "{which}-{kind}\t{}\t{}\tsha256 {}",
                            hex::encode(&c.serial),
                            c.subject_cn,
                            hex::encode(c.digest())
                        );
                    }
                }
            }
            ["list"] => {
                let find = Find::default();
                let rows = ctx
                    .read("trust.register", |tx| {
                        Ok(store::find(tx, &find, ctx.now(), 1_000)?)
                    })
                    .await?;
                for e in rows {
                    println!(
                        "{}\t{}\t{}\t{}\t{}",
                        e.serial,
                        e.used_for.name(),
                        e.algorithm,
                        e.state(ctx.now()),
                        e.cn
                    );
                }
            }
            ["revoke", serial, reason] => {
                let reason = REASONS.iter().find(|(_, name)| *name == reason);
                let (reason, _) = reason.ok_or_else(|| {
                    let all: Vec<&str> = REASONS.iter().map(|(_, n)| *n).collect();
                    kernel::Fault::new(format!("the reason is one of {}", all.join(", ")))
                })?;
                ctx.tx("trust.revoke", |tx| {
                    verbs::revoke(&ctx, tx, serial, None, Step::Revoke(*reason))
                })
                .await?;
            }
            _ => {
                return Err(
                    kernel::Fault::new("usage: yiwang ca show | init | list | revoke SERIAL REASON").into(),
                );
            }
        }
        Ok(())
    })
}
