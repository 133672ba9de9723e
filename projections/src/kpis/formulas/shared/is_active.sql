-- Definition 1 of active.
kind IN ('interaction', 'content_access', 'conversion') AND actor = 'human'
