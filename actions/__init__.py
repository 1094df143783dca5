"""Rasa SDK actions, run in the app environment.

`SANIC_HOST=127.0.0.1 python -m rasa_sdk --actions actions --port N`
"""
