"""The table of persons' addresses.

Not here: all other addresses (web/app.py), who may come in (`access` of each handler). Threads: any; constant.
"""

from web.people import (
    account,
    admin,
    auth,
    conversations,
    erasure,
    export,
    followups,
    links,
    memories,
    messages,
    preferences,
    stats,
    stream,
    tasks,
    wearables,
    windows,
)

ROUTES = (
    (r"/auth/register/?", auth.RegisterHandler),
    (r"/auth/login/?", auth.LoginHandler),
    (r"/auth/logout/?", auth.LogoutHandler),
    (r"/auth/me/?", auth.AuthMeHandler),
    (r"/auth/set-up/?", links.SetUpPage),
    (r"/auth/reset/?", links.ResetPage),
    (r"/me/?", auth.MeHandler),
    *wearables.ROUTES,
    (r"/account/profile/?", account.ProfileHandler),
    (r"/account/password/?", account.PasswordHandler),
    (r"/account/sessions/?", account.SessionsHandler),
    (r"/account/sessions/revoke/?", account.RevokeHandler),
    (r"/account/sessions/revoke-others/?", account.RevokeOthersHandler),
    *erasure.ROUTES,
    *export.ROUTES,
    (r"/conversations/current/stream/?", stream.StreamHandler),
    *conversations.ROUTES,
    (r"/preferences/?", preferences.PreferencesHandler),
    *windows.ROUTES,
    (r"/messages/send/?", messages.SendHandler),
    (r"/followups/?", followups.FollowupHandler),
    *tasks.ROUTES,
    (r"/stats/?", stats.StatsHandler),
    (r"/messages/([^/%]+)/sources/?", messages.SourcesHandler),
    *memories.ROUTES,
    (r"/operator/accounts", admin.AccountsHandler),
    (r"/operator/accounts/invite", admin.InviteHandler),
    (r"/operator/accounts/reset", admin.ResetHandler),
)
