"""The environment in which a client finds the server."""

from tests.qingstor_server.accounts import DEFAULT_KEY, AccessKey

DOMAIN = "qingstor.test"
ENDPOINT = f"http://{DOMAIN}:80"
"""With the server as HTTP proxy nothing resolves this name; the port has to be named for rclone's pattern."""


def proxy_environment(port: int) -> dict[str, str]:
    """The proxy variables in both cases, and no exception from them."""
    proxy = f"http://127.0.0.1:{port}"
    return {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": "", "no_proxy": ""}


def rclone_environment(
    port: int, *, remote: str = "q", zone: str = "pek3a", key: AccessKey = DEFAULT_KEY
) -> dict[str, str]:
    """The proxy variables and a whole remote for rclone (use `--config ""`)."""
    # rclone upper-cases a remote's name and changes nothing else of it.
    prefix = f"RCLONE_CONFIG_{remote.upper()}_"
    return {
        **proxy_environment(port),
        f"{prefix}TYPE": "qingstor",
        f"{prefix}ENDPOINT": ENDPOINT,
        f"{prefix}ZONE": zone,
        f"{prefix}ACCESS_KEY_ID": key.id,
        f"{prefix}SECRET_ACCESS_KEY": key.secret,
    }
