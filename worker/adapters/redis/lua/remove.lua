-- Remove a photo from the index.
-- KEYS: record, exact, own buckets. ARGV: image id, record that these keys follow from or empty if
-- there is none, bytes of its hash.
-- Returns 1, or 0 if the record has changed.
local id, packed_id, width = ARGV[1], packed(ARGV[1]), tonumber(ARGV[3])
if (text(KEYS[1]) or '') ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
local left = {}
for _, one in ipairs(sharers(KEYS[2], 0)) do
  if one[2] ~= id then left[#left + 1] = one[1] .. ' ' .. one[2] end
end
if #left == 0 then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], table.concat(left, ' '), 'KEEPTTL') end
for number = 3, #KEYS do
  local bucket = text(KEYS[number])
  local kept = bucket and without(bucket, packed_id, width) or ''
  if kept == '' then redis.call('DEL', KEYS[number]) else redis.call('SET', KEYS[number], kept, 'KEEPTTL') end
end
return 1
