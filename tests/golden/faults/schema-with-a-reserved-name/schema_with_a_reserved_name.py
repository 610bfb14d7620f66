from pydantic import BaseModel


class Settings(BaseModel):
    remote: str = ""
