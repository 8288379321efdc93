"""A relying party on PyPI Authlib: it knows the standards and an issuer, nothing of our server.

    authlib_client.py --issuer URL --client-id ID [--secret S] [--redirect URI] [--state FILE] COMMAND …

Commands: authorize-url, exchange CALLBACK_URL, refresh, client-credentials, userinfo. Each prints one line of JSON.
A refusal, the provider's or the client's own (wrong state, issuer, ID token), prints {"error": …,
"error_description": …} and ends with status 1. What a later command needs (state, nonce, verifier, tokens) is kept in
FILE; without it commands must get it by options.
"""

import argparse
import json
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken, UserInfo
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

TIMEOUT = 30  # seconds
ALGORITHMS = ["ES256", "EdDSA"]


class Party:
    def __init__(self, args):
        self.args = args
        self.file = Path(args.state) if args.state else None
        self.kept = json.loads(self.file.read_text()) if self.file and self.file.exists() else {}
        self.metadata = get(args.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if self.metadata["issuer"] != args.issuer:
            raise OAuthError("wrong_issuer", f"the document is of {self.metadata['issuer']}")
        self.session = OAuth2Session(
            args.client_id,
            args.secret,
            token_endpoint_auth_method=args.method or ("client_secret_basic" if args.secret else "none"),
            scope=args.scope,
            redirect_uri=args.redirect,
            code_challenge_method="S256",
            token_endpoint=self.metadata["token_endpoint"],
        )
        self.session.default_timeout = TIMEOUT

    def keep(self, **more):
        self.kept.update(more)
        if self.file:
            self.file.write_text(json.dumps(self.kept))

    def authorize_url(self):
        verifier, nonce = generate_token(64), generate_token(32)
        more = dict(pair.split("=", 1) for pair in self.args.parameter)
        url, state = self.session.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **more
        )
        kept = {"state": state, "nonce": nonce, "code_verifier": verifier}
        self.keep(**kept)
        return {"url": url, **kept}

    def exchange(self):
        answer = {name: values[0] for name, values in parse_qs(urlsplit(self.args.callback).query).items()}
        # Authlib does not look at `iss` (RFC 9207); a careful client does.
        if self.metadata.get("authorization_response_iss_parameter_supported") or "iss" in answer:
            if answer.get("iss") != self.metadata["issuer"]:
                raise OAuthError("mix_up", "the answer is of another issuer")
        if "error" in answer:
            raise OAuthError(answer["error"], answer.get("error_description"))
        token = self.session.fetch_token(
            authorization_response=self.args.callback,
            state=self.args.expected_state or self.kept["state"],
            code_verifier=self.args.verifier or self.kept["code_verifier"],
        )
        return self.answer(token, nonce=self.args.nonce or self.kept["nonce"])

    def refresh(self):
        token = self.session.refresh_token(
            refresh_token=self.args.token or self.kept["refresh_token"], scope=self.args.scope
        )
        return self.answer(token)

    def client_credentials(self):
        return self.answer(self.session.fetch_token(grant_type="client_credentials", scope=self.args.scope))

    def userinfo(self):
        token = self.args.token or self.kept["access_token"]
        answer = requests.get(
            self.metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT
        )
        if not answer.ok:
            raise OAuthError(f"status_{answer.status_code}", answer.headers.get("WWW-Authenticate"))
        facts = UserInfo(answer.json())
        if self.kept.get("sub") not in (None, facts["sub"]):
            raise OAuthError("wrong_sub", "UserInfo is about another person than the ID token")
        return dict(facts)

    def answer(self, token, nonce=None):
        """The tokens, and the claims of the ID token once everything about it is verified."""
        out = dict(token)
        if "id_token" in token:
            out["claims"] = dict(self.verified(token, nonce))
            self.keep(sub=out["claims"]["sub"])
        self.keep(**{name: token[name] for name in ("access_token", "refresh_token", "id_token") if name in token})
        return out

    def verified(self, token, nonce):
        keys = KeySet.import_key_set(get(self.metadata["jwks_uri"]))
        read = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "value": self.metadata["issuer"]},
                "aud": {"essential": True, "value": self.args.client_id},
                **({"nonce": {"essential": True, "value": nonce}} if nonce else {}),
            },
            {"client_id": self.args.client_id, "nonce": nonce, "access_token": token["access_token"]},
        )
        claims.validate(leeway=10)
        return claims


def get(url):
    answer = requests.get(url, timeout=TIMEOUT)
    answer.raise_for_status()
    return answer.json()


def arguments():
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--issuer", required=True)
    top.add_argument("--client-id", required=True)
    top.add_argument("--secret")
    top.add_argument("--method", help="client_secret_basic, client_secret_post or none")
    top.add_argument("--redirect")
    top.add_argument("--scope", help="scopes divided by spaces")
    top.add_argument("--state", metavar="FILE", help="keeps what the next command needs")
    commands = top.add_subparsers(dest="command", required=True)
    url = commands.add_parser("authorize-url")
    url.add_argument("parameter", nargs="*", metavar="NAME=VALUE", help="more parameters, such as prompt=login")
    exchange = commands.add_parser("exchange")
    exchange.add_argument("callback", metavar="CALLBACK_URL")
    exchange.add_argument("--expected-state")
    exchange.add_argument("--verifier")
    exchange.add_argument("--nonce")
    for name in ("refresh", "userinfo"):
        commands.add_parser(name).add_argument("--token")
    commands.add_parser("client-credentials")
    return top.parse_args()


def main():
    args = arguments()
    try:
        print(json.dumps(getattr(Party(args), args.command.replace("-", "_"))(), ensure_ascii=False))
    except AuthlibBaseError as e:
        print(json.dumps({"error": e.error, "error_description": e.description}, ensure_ascii=False))
        return 1
    except JoseError as e:
        print(json.dumps({"error": "id_token", "error_description": str(e)}, ensure_ascii=False))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
