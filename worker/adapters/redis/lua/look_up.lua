-- The oldest photo within the radius of a hash, without changing anything: {image id, distance}, or nothing.
-- KEYS: own buckets, buckets with bits flipped. ARGV: image id that does not count, window (s), hash, radius.
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2]
local own = {id = packed(ARGV[1]), moment = math.huge}
local found = nearest(redis.call('MGET', unpack(KEYS)), ARGV[3], tonumber(ARGV[4]), now - ARGV[2] * 1e6, own)
return found and {unpacked(found.id), found.distance}
