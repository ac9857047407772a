-- One row for each flight of the past: the moment at which its features are wanted, what a request for it would have
-- carried, and the truth.
select
  date as event_time,
  origin,
  destination,
  distance,
  delay > 15 as late
from flights
