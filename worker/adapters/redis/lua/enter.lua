-- Enter a photo into the index by the time it was stored, without a result.
-- KEYS: record, exact, own buckets, mark of forgetting.
-- ARGV: image id, window (s), beginning of the record, hash, time it was stored (Unix,
-- microseconds), colours.
-- Returns known | coloured: known, but without its colours so far | aged | forgotten | entered | moved with the
-- record of other content: remove that first.
local id, window, content, hash, moment, colours = unpack(ARGV)
if forgotten(table.remove(KEYS), tonumber(moment)) then return {'forgotten'} end
local own = {id = packed(id), moment = math.huge, colours = ''}
local record = text(KEYS[1])
if record and string.match(record, '^(.*) %d+$') ~= content then return {'moved', record} end
local time = redis.call('TIME')
local since = time[1] * 1e6 + time[2] - window * 1e6
if record then
  local answer, first_seen = 'known', string.match(record, '%d+$')
  local entry = entry_of(hash, first_seen, own.id, colours)
  for number = 3, colours ~= '' and #KEYS or 0 do
    local bucket = text(KEYS[number]) or ''
    local at, ending = find_entry(bucket, hash, first_seen, own.id)
    local following = at and skip_colours(bucket, ending, #hash)
    if at and string.sub(bucket, at, following - 1) ~= entry then
      redis.call('SET', KEYS[number], string.sub(bucket, 1, at - 1) .. entry .. string.sub(bucket, following), 'KEEPTTL')
      answer = 'coloured'
    end
  end
  return {answer}
end
local left = math.ceil((moment - since) / 1e6) -- seconds until it ages
if left <= 0 then return {'aged'} end
redis.call('SET', KEYS[1], content .. ' ' .. moment, 'EX', left + window)
share(KEYS[2], sharers(KEYS[2], since), {moment, id}, left)
if hash ~= '' then
  local entry = entry_of(hash, moment, own.id, colours)
  local buckets = redis.call('MGET', unpack(KEYS, 3))
  local _, copies = nearest_in(buckets, hash, 0, since, own)
  for band = 1, copies < COPIES and #buckets or 0 do
    put(KEYS[2 + band], buckets[band], entry, since, left, #hash, tonumber(moment))
  end
end
return {'entered'}
