//! A stand-in for Clerk to try the example with, and what is printed.

use keycap::{Clock as _, SystemClock};
use keycap_standins::clerk::{Created, Instance, NewApiKey, SECRET_KEY, Setup, organisation, user};
use serde_json::json;

/// A local Clerk with three fresh keys: two of an organisation with a paid plan, and a user's own.
pub(crate) struct Demo {
    instance: Instance,
    paid: [Created; 2],
    free: Created,
}

impl Demo {
    pub(crate) async fn start() -> Self {
        // Counted from now, so that a later run does not find its keys' budgets spent.
        let now = SystemClock.now().as_millis().unsigned_abs();
        let instance = Setup::default().first(now).start().await;
        let name = now.to_string();
        let pro = || NewApiKey::of(organisation(&name)).claims(json!({ "tier": "pro" }));
        let paid = [instance.create_key(pro()), instance.create_key(pro())];
        let free = instance.create_key(NewApiKey::of(user(&name)));
        Self { instance, paid, free }
    }

    pub(crate) fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    pub(crate) fn url(&self) -> String {
        self.instance.url()
    }
}

/// Keys, where it listens, and what to try.
pub(crate) fn say(url: &str, demo: Option<&Demo>) {
    let key = match demo {
        Some(demo) => {
            let [one, two] = &demo.paid;
            println!("key: {}\nsecond key: {}", one.secret, two.secret);
            println!("free key: {}", demo.free.secret);
            one.secret.as_str()
        }
        None => {
            println!("keys: those of your Clerk instance");
            "$KEY"
        }
    };
    println!("listening on {url}");
    println!("curl {url}/me -H \"authorization: Bearer {key}\"");
    println!("curl -X POST {url}/chat -H \"authorization: Bearer {key}\"");
}
