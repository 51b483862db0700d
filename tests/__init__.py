"""Tests mirror the code; journeys are whole stories over the running platform."""
