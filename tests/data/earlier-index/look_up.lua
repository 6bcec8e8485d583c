-- Find the oldest photo within the radius of a hash. Changes nothing.
-- KEYS: own buckets, buckets with flipped bits. ARGV: image id to leave out, window (s), hash,
-- radius.
-- Returns {image id, distance}, or nothing.
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2]
local own = {id = packed(ARGV[1]), moment = math.huge}
local found = nearest_in(redis.call('MGET', unpack(KEYS)), ARGV[3], tonumber(ARGV[4]), now - ARGV[2] * 1e6, own)
return found and {unpacked(found.id), found.distance}
