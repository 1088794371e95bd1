"""An answer in, the same with security headers out."""

from collections.abc import Mapping

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
STATIC = ("static", "bootstrap.static")
TRANSPORT_SECURITY = "max-age=31536000; includeSubDomains"


def register(app: Flask) -> None:
    """Add the headers to every answer of an application."""
    app.after_request(secure)


def secure(answer: Response) -> Response:
    """Add missing headers; only style sheets and scripts may be cached."""
    given = {name.lower() for name, _ in answer.headers}
    answer.headers.extend([(name, value) for name, value in HEADERS.items() if name.lower() not in given])
    if request.endpoint not in STATIC:
        answer.headers["Cache-Control"] = "no-store"
    if request.is_secure:
        answer.headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
    return answer
