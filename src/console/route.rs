//! The only table of the console's pages and acts: path, method, and the role that they need.

use crate::admin::role::Role;

macro_rules! routes {
    ($($route:ident, $method:ident, $pattern:literal, $role:ident;)+) => {
        /// A page or an act.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ConsoleRoute {
            $(
                #[doc = concat!(stringify!($method), " ", $pattern)]
                $route,
            )+
        }

        impl ConsoleRoute {
            /// All pages and acts.
            pub const ALL: &[Self] = &[$(Self::$route,)+];

            /// The path below a brand.
            #[must_use]
            pub const fn pattern(self) -> &'static str {
                match self { $(Self::$route => $pattern,)+ }
            }

            /// Whether it is an act: a form that is sent. All others are pages.
            #[must_use]
            pub const fn is_act(self) -> bool {
                match self { $(Self::$route => matches!(Method::$method, Method::Post),)+ }
            }

            /// The role that it needs at least.
            #[must_use]
            pub const fn role(self) -> Role {
                match self { $(Self::$route => Role::$role,)+ }
            }

            /// The name in the log.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$route => stringify!($route),)+ }
            }
        }
    };
}

enum Method {
    Get,
    Post,
}

routes! {
    Overview, Get, "/", Viewer;
    Inbox, Get, "/inbox", Viewer;
    ReplayDeliveries, Post, "/inbox/replay", Supervisor;
    DiscardDeliveries, Post, "/inbox/discard", Supervisor;
    CountDeliveries, Post, "/inbox/count", Supervisor;
    DeliveryJob, Get, "/inbox/jobs/{id}", Viewer;
    BeginDeliveryJob, Post, "/inbox/jobs/{id}/begin", Supervisor;
    CancelDeliveryJob, Post, "/inbox/jobs/{id}/cancel", Supervisor;
    Delivery, Get, "/inbox/{id}", Viewer;
    RevealDelivery, Post, "/inbox/{id}/reveal", Supervisor;
    Sources, Get, "/sources", Viewer;
    Source, Get, "/sources/{id}", Viewer;
    StartSync, Post, "/sources/{id}/sync", Supervisor;
    StopSync, Post, "/sources/{id}/stop", Supervisor;
    TestConnection, Post, "/sources/{id}/test", Supervisor;
    LogOut, Post, "/logout", Viewer;
    Customers, Get, "/customers", Viewer;
    FindCustomers, Post, "/customers", Viewer;
    Customer, Get, "/customers/{id}", Viewer;
    CustomerTimeline, Get, "/customers/{id}/timeline", Viewer;
    CustomerActPreview, Get, "/customers/{id}/preview", Supervisor;
    PreviewCustomerAct, Post, "/customers/{id}/preview", Supervisor;
    DecideCustomerAct, Post, "/customers/{id}/decide", Supervisor;
    ExportCustomer, Post, "/customers/{id}/export", Supervisor;
    AskToEraseCustomer, Get, "/customers/{id}/erase", Admin;
    EraseCustomer, Post, "/customers/{id}/erase", Admin;
    Erasure, Get, "/erasures/{id}", Viewer;
    Reviews, Get, "/reviews", Viewer;
    Review, Get, "/reviews/{id}", Viewer;
    AnswerReview, Post, "/reviews/{id}/answer", Supervisor;
    Decisions, Get, "/decisions", Viewer;
    Decision, Get, "/decisions/{id}", Viewer;
    UndoDecision, Post, "/decisions/{id}/undo", Supervisor;
    Lookups, Get, "/lookups", Viewer;
    SearchLookups, Post, "/lookups", Viewer;
    Keys, Get, "/keys", Admin;
    CreateKey, Post, "/keys", Admin;
    RevokeKey, Post, "/keys/{id}/revoke", Admin;
    Settings, Get, "/settings", Admin;
    TryTemplate, Post, "/settings", Admin;
    People, Get, "/people", Admin;
    InvitePerson, Post, "/people", Admin;
    EndSession, Post, "/people/{id}/end", Admin;
    InviteToAccount, Post, "/people/accounts", Admin;
    InviteAgain, Post, "/people/accounts/{id}/invite", Admin;
    SetAccountRole, Post, "/people/accounts/{id}/role", Admin;
    RemoveAccount, Post, "/people/accounts/{id}/remove", Admin;
    OwnAccount, Get, "/account", Viewer;
    ChangePassword, Post, "/account", Viewer;
    RevokeAgentLinks, Post, "/people/revoke-agent-links", Admin;
    Audit, Get, "/audit", Viewer;
    Document, Get, "/documents/{id}", Viewer;
}
