import os
from typing import Any, Callable

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request

ISSUER = os.environ.get("ISSUER", "https://id.example.com")
gatehouse = httpx.AsyncClient(
    base_url=ISSUER,
    auth=(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]),
    timeout=5,
)
app = FastAPI()


async def caller_of(request: Request) -> dict[str, Any]:
    """What introspection says of the request's credential at this moment."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.headers.get("x-api-key", "")
    if not token:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    # All but the token is for Gatehouse's authentication log.
    use = {
        "token": token.strip(),
        "ip": request.client.host if request.client else "",
        "method": request.method,
        "path": request.url.path,
    }
    try:
        response = await gatehouse.post("/oauth/introspect", data=use)
        response.raise_for_status()
        caller = response.json()
    except (httpx.HTTPError, ValueError):
        # No answer from Gatehouse is no permission.
        raise HTTPException(503, "Cannot check credentials now", headers={"Retry-After": "5"})
    if not caller["active"]:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return caller


def permitted(permission: str) -> Callable[..., Any]:
    """Lets a request pass whose credential holds a permission at this moment."""
    sufficient = {permission, permission.split(":")[0] + ":*", "*"}

    def check(caller: dict[str, Any] = Depends(caller_of)) -> dict[str, Any]:
        if sufficient.isdisjoint(caller["permissions"]):
            raise HTTPException(403)
        return caller

    return check


@app.get("/configuration-items")
def configuration_items(
    caller: dict[str, Any] = Depends(permitted("configuration-items:read")),
) -> dict[str, Any]:
    # Only this organization's rows, and of those what the data scopes cover.
    return {name: caller[name] for name in ("sub", "org_id", "data_scopes")} | {"items": []}
