"""The words: frozen values that every other room speaks. Imports nothing but `portulan.errors`."""
