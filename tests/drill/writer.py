#!/usr/bin/env python3
"""writer.py URL FILE [WRITERS] [START]: people who chat without a pause, as an application does that must not lose a word.

Each of WRITERS (1) connections sends messages to a crew of its own, the START-th (0) and following by age, as the service
does: the number from the crew's counter, the message, one transaction. What the server has acknowledged is a line of FILE:
the message's id and when, in seconds since 1970. A lost connection is made again at once, by whatever address of the URL
takes writes. Ends by SIGTERM."""

import signal
import sys
import threading
import time

import psycopg

CREW = """
    select m.group_id, m.user_id from (
        select distinct on (group_id) group_id, user_id from group_members order by group_id, joined_at
    ) m order by m.group_id offset %s limit 1"""
SEND = """
    with seats as (
        update group_seats set last_sequence = last_sequence + 1 where group_id = %s returning group_id, last_sequence
    )
    insert into messages (id, group_id, sender_id, content, sequence, sent_at, updated_at)
    select gen_random_uuid(), group_id, %s, 'Are you there?', last_sequence, crewup.now(), crewup.now() from seats
    returning id"""

stop = threading.Event()
one_line = threading.Lock()


def chat(url, file, number):
    while not stop.is_set():
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as db:
                crew, sender = db.execute(CREW, [number]).fetchone()
                while not stop.wait(0.005):
                    (message,) = db.execute(SEND, [crew, sender]).fetchone()
                    with one_line:
                        print(message, f"{time.time():.3f}", file=file, flush=True)
        except psycopg.Error:
            # Away, starting, or not the one that takes writes.
            stop.wait(0.02)


def main():
    url, path, *numbers = sys.argv[1:]
    writers, start = (int(number) for number in (numbers + ["1", "0"][len(numbers) :]))
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with open(path, "a", encoding="ascii") as file:
        threads = [threading.Thread(target=chat, args=(url, file, start + at)) for at in range(writers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


main()
