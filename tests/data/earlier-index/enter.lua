-- Enter a photo into the index by the time it was stored, without a result.
-- KEYS: record, exact, own buckets.
-- ARGV: image id, window (s), beginning of the record, hash, time it was stored (Unix,
-- microseconds).
-- Returns known | aged | entered | moved with the record of other content: remove that first.
local id, window, content, hash, moment = unpack(ARGV)
local record = text(KEYS[1])
if record then
  return string.match(record, '^(.*) %d+$') == content and {'known'} or {'moved', record}
end
local time = redis.call('TIME')
local since = time[1] * 1e6 + time[2] - window * 1e6
local left = math.ceil((moment - since) / 1e6) -- seconds until it ages
if left <= 0 then return {'aged'} end
redis.call('SET', KEYS[1], content .. ' ' .. moment, 'EX', left + window)
share(KEYS[2], sharers(KEYS[2], since), {moment, id}, left)
if hash ~= '' then
  local own = {id = packed(id), moment = math.huge}
  local entry = hash .. struct.pack('>I8', moment) .. own.id
  local buckets = redis.call('MGET', unpack(KEYS, 3))
  heal(buckets, #hash)
  local _, copies = nearest({buckets[1]}, hash, 0, since, own)
  for band = 1, copies < COPIES and #buckets or 0 do
    put(KEYS[2 + band], buckets[band], entry, since, left, #hash, tonumber(moment))
  end
end
return {'entered'}
