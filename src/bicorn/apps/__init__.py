"""From an exchange to the user's code: loading, ASGI, lifespan, WSGI."""
