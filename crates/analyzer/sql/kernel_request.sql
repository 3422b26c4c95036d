SELECT q.call, q.operation, q.version, q.cipher, k.text, n.text
FROM kernel_requests q
LEFT JOIN texts k ON k.id = q.kind
LEFT JOIN texts n ON n.id = q.name
WHERE q.id = ?1;
