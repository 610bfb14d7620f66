from pydantic import BaseModel

from oneiric_lab import Secret


class Server(BaseModel):
    host: str = "127.0.0.1"
    port: int = 8080
    hosts: list[str] = []


class Settings(BaseModel):
    server: Server = Server()
    title: str = ""
    key: Secret[str] | None = None
