-- Delete a photo's result, and leave a mark: no result is written of what was begun before.
-- KEYS: result, mark. ARGV: expiry of the mark (s).
-- Returns 1 or 0: whether there was a value; and the value, or nothing.
local stored = text(KEYS[1]) or ''
local time = redis.call('TIME')
redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1e6 + time[2]), 'EX', ARGV[1])
return {redis.call('DEL', KEYS[1]), stored}
