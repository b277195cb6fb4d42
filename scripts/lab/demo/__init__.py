"""Demo: a server with simulated wearables, faults now and then, and a person with a past; and pictures of its pages.

Lives here: the story of the person, the faults, the command, the pictures.
Not here: invented talk (simulate/), fake servers (replay/), planted bugs (chaos/sabotaged_server.py).
Files: story (the person's past), world (the running demo), pictures, __main__.
"""
