"""The table of persons' addresses.

Not here: all other addresses (web/app.py), who may come in (`access` of each handler). Threads: any; constant.
"""

from web.people import auth, linking

ROUTES = (
    (r"/auth/register/?", auth.RegisterHandler),
    (r"/auth/login/?", auth.LoginHandler),
    (r"/auth/logout/?", auth.LogoutHandler),
    (r"/auth/me/?", auth.AuthMeHandler),
    (r"/me/?", auth.MeHandler),
    *linking.ROUTES,
)
