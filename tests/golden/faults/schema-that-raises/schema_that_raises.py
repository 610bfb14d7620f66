from pydantic import BaseModel, field_validator


class Settings(BaseModel):
    port: int = 1

    @field_validator("port")
    def check(cls, value: int) -> int:
        raise KeyError("oops")
