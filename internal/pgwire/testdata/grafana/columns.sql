select quote_ident(column_name) as "column", data_type as "type"
    from information_schema.columns
    where
      case when array_length(parse_ident('queries'),1) = 2
        then quote_ident(table_schema) = (parse_ident('queries'))[1]
          and quote_ident(table_name) = (parse_ident('queries'))[2]
        else quote_ident(table_name) = 'queries'
          and
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
            array_lower(string_to_array(current_setting('search_path'),','),1),
            array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      end
