"""Actors on Pykka, as an independent package: from the rest of the program it imports only the clock.

    class Greeter(LoopActor):
        def receive(self, message: str) -> str:
            return f"hello, {message}"

To send: handle (with timers), messages, mailbox, future (with deadlines), errors. To be an actor: loop_actor (with
bare_actor, async_turn), thread_actor. To keep actors alive: spec, life, restarts, supervisor (with the root),
dynamic_supervisor, reports. Under all of them: runtime. Beside them: pacer. In tests: testing.
"""
