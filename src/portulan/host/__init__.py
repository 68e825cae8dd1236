"""Who holds each port: a survey becomes endpoints. Pure."""
