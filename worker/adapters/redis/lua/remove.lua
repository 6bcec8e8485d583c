-- Take a photo out of the index. KEYS: record, exact, own buckets. ARGV: image id, the record that the keys were made
-- from, bytes of its hash. It says whether that was still the record.
local id, width = ARGV[1], tonumber(ARGV[3])
if text(KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
local left = {}
for _, one in ipairs(sharers(KEYS[2], 0)) do
  if one[2] ~= id then left[#left + 1] = one[1] .. ' ' .. one[2] end
end
if #left == 0 then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], table.concat(left, ' '), 'KEEPTTL') end
for number = 3, #KEYS do
  local kept = without(text(KEYS[number]) or '', packed(id), width)
  if kept == '' then redis.call('DEL', KEYS[number]) else redis.call('SET', KEYS[number], kept, 'KEEPTTL') end
end
return 1
