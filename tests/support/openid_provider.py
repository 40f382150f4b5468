"""A small OpenID provider on loopback: authlib's server side, carried by Flask, over TLS.

Whoever comes is `user` at once. `claims` overrides what its ID tokens say, so that each fault can be made for real.
"""

import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, OAuth2Error, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask, Response, jsonify, request
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

CLIENT, SECRET = "dicomrs", "the secret of the client"
_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})  # takes a second


@dataclass
class _Code(AuthorizationCodeMixin):
    code: str
    redirect_uri: str
    scope: str
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> None:
        return None

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class _Client(ClientMixin):
    """The one client that it knows."""

    redirect_uri: str

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return endpoint == "token" and method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class Provider:
    """What it says of whoever signs in there; tokens: how many it has given out."""

    issuer: str
    redirect_uri: str = ""
    user: dict[str, Any] = field(
        default_factory=lambda: {"sub": "17", "preferred_username": "ana", "groups": ["rt-it"]}
    )
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: _KEY)
    published: RSAKey | None = None
    codes: dict[str, _Code] = field(default_factory=dict)
    tokens: int = 0


def _server(app: Flask, provider: Provider) -> AuthorizationServer:
    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, asked: Any) -> None:
            data = asked.payload.data
            provider.codes[code] = _Code(
                code,
                asked.payload.redirect_uri,
                asked.payload.scope,
                data["nonce"],
                data["code_challenge"],
                data["code_challenge_method"],
            )

        def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: _Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: _Code) -> dict[str, Any]:
            return provider.user

    class Tokens(OpenIDCode):
        def exists_nonce(self, nonce: str, asked: Any) -> bool:
            return any(code.nonce == nonce for code in provider.codes.values())

        def resolve_client_private_key(self, client: _Client) -> RSAKey:
            return provider.key

        def get_encode_header(self, client: _Client) -> dict[str, Any]:
            return {"alg": "RS256", "kid": provider.key.kid}

        def get_client_claims(self, client: _Client) -> dict[str, Any]:
            return {"iss": provider.issuer}

        def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
            provider.tokens += 1
            return user | provider.claims

    server = AuthorizationServer(
        app,
        query_client=lambda name: _Client(provider.redirect_uri) if name == CLIENT else None,
        save_token=lambda *_: None,
    )
    server.register_grant(CodeGrant, [CodeChallenge(required=True), Tokens(require_nonce=True)])
    return server


def _application(provider: Provider) -> Flask:
    app = Flask("openid-provider")
    app.secret_key = secrets.token_bytes(16)
    server = _server(app, provider)

    @app.get("/.well-known/openid-configuration")
    def configuration() -> Response:
        return jsonify(
            issuer=provider.issuer,
            authorization_endpoint=f"{provider.issuer}/authorize",
            token_endpoint=f"{provider.issuer}/token",
            jwks_uri=f"{provider.issuer}/keys",
            id_token_signing_alg_values_supported=["RS256"],
        )

    @app.get("/keys")
    def keys() -> Response:
        return jsonify(KeySet([provider.published or provider.key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Any:
        try:
            grant = server.get_consent_grant(end_user=provider.user)
        except OAuth2Error as error:
            return server.handle_error_response(request, error)
        return server.create_authorization_response(grant_user=provider.user, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    return app


@contextmanager
def openid_provider(secret: Path, port: int) -> Iterator[Provider]:
    """Run one at https://localhost:port; secret: a folder with its certificate and key."""
    provider = Provider(f"https://localhost:{port}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secret / "tls.crt", secret / "tls.key")
    server = make_server("localhost", port, _application(provider), threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever, name="openid-provider")
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
