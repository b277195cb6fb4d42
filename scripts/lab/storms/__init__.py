"""Storms: a whole node on virtual time, with crashes, lost messages and failing servers, all drawn from one seed.

Lives here: the virtual world, the node in it, the servers and wearables outside, the promises, planted faults.
Not here: wearables at real pace against a server (simulate/, whose talk is used here), faults of real processes
(chaos/).
Files: world (time, draws, trace), loop, scheduling (actors and their mail), weather (spells and blows), store, outside
(model, Omi), wearers, node, judge, planted, run, __main__.
"""
