-- Asks Gatehouse about a request: http-request lua.gatehouse PERMISSION. Only a clear yes sets txn.gatehouse.
local address, host = os.getenv('GATEHOUSE'), os.getenv('GATEHOUSE_HOST')
local asked = { 'authorization', 'x-api-key', 'apikey', 'user-agent' }
local told = { 'x-auth-subject', 'x-auth-organization', 'x-auth-permissions', 'x-auth-data-scopes' }

core.register_action('gatehouse', { 'http-req' }, function(txn, permission)
  local headers = {
    host = { host },
    ['x-original-method'] = { txn.f:method() },
    -- With its query, in which an API key may stand.
    ['x-original-uri'] = { txn.f:pathq() },
    ['x-forwarded-for'] = { txn.f:src() },
  }
  local sent = txn.http:req_get_headers()
  for _, name in ipairs(asked) do
    -- From 0 on; a credential that was sent twice goes on twice, and is refused there.
    for index = 0, #(sent[name] or {}) do
      local value = (sent[name] or {})[index]
      if value then
        headers[name] = headers[name] or {}
        table.insert(headers[name], value)
      end
    end
  end
  local answer = core.httpclient():get({
    url = address .. '/v1/auth/verify?permission=' .. permission,
    headers = headers,
    timeout = 5000,
  })
  if answer.status == 200 then
    for _, name in ipairs(told) do txn.http:req_set_header(name, answer.headers[name][0]) end
    return txn:set_var('txn.gatehouse', 'yes')
  end
  if answer.status ~= 400 and answer.status ~= 401 and answer.status ~= 403 then return end
  local reply = txn:reply({ status = answer.status, body = answer.body })
  for _, name in ipairs({ 'content-type', 'www-authenticate', 'x-auth-denied' }) do
    local value = (answer.headers[name] or {})[0]
    if value then reply:add_header(name, value) end
  end
  txn:done(reply)
end, 1)
