-- Give a stored result the sequencer of a later event of its content.
-- KEYS: result. ARGV: JSON of the event's object.
-- Returns 1, or 0 if no result of this content is stored.
local stored = redis.pcall('GET', KEYS[1])
local is_result, answer = pcall(function() return put_in_order(KEYS[1], stored, cjson.decode(ARGV[1]), true) end)
return is_result and answer and 1 or 0
