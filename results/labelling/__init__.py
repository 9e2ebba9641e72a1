"""``timbre label``: answers shown blind to people, and what they said written for ``timbre calibrate``."""
