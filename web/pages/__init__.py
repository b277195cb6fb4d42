"""Pages for people: server-rendered, without anything from elsewhere; they work without JavaScript."""
