Settings = {"port": int}
